"""What can be chosen in a chat: another model, an earlier chat."""

from __future__ import annotations

from collections.abc import Sequence

from screens.choose import Option
from screens.job_words import ago
from tui.chat.model_names import short_model_name
from tui.records.models import Account, ModelInfo
from tui.safe_text import safe_line
from tui.store.chat_rows import ChatSummary
from tui.widgets.table import Column

MODEL_COLUMNS = (
    Column("Model", cut="middle"),
    Column("Account", 10, tone="muted"),
    Column("Made", 12, align="right", tone="muted"),
)
CHAT_COLUMNS = (
    Column("Chat"),
    Column("With", 30, tone="muted"),
    Column("Last used", 12, align="right", tone="muted"),
)

KEY_SEPARATOR = "\n"


def model_options(models: Sequence[ModelInfo], accounts: Sequence[Account]) -> list[Option]:
    """Return the models of every account; those of an account that is not ready say so."""
    ready = {account.name: account.ready for account in accounts}
    return [
        Option(
            f"{model.account}{KEY_SEPARATOR}{model.id}",
            [
                (safe_line(model.id, 120), "" if ready.get(model.account, False) else "muted"),
                model.account if ready.get(model.account, False) else f"{model.account} –",
                ago(model.created_at),
            ],
            f"{model.id} {model.account} {'tuned' if model.is_fine_tuned else 'base'}",
        )
        for model in models
    ]


def _title(chat: ChatSummary) -> str:
    tags = "".join(f" #{safe_line(tag, 40)}" for tag in chat.tags)
    return f"{safe_line(chat.title, 120)}{tags}"


def chat_options(chats: Sequence[ChatSummary]) -> list[Option]:
    """Return the chats that are kept, the last one used first."""
    return [
        Option(
            chat.id,
            [
                (_title(chat), ""),
                safe_line(", ".join(short_model_name(model) for _, model in chat.models), 80),
                ago(chat.updated_at),
            ],
            f"{chat.title} {' '.join(chat.tags)} {' '.join(model for _, model in chat.models)}",
        )
        for chat in chats
    ]
