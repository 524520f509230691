"""Accounts, models and what an account can do."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Capability(StrEnum):
    """Something a provider may or may not be able to do."""

    LIST_MODELS = "list_models"
    UPLOAD = "upload"
    TRAIN_SUPERVISED = "train_supervised"
    TRAIN_DPO = "train_dpo"
    TRAIN_REINFORCEMENT = "train_reinforcement"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    CHECKPOINTS = "checkpoints"
    CHAT = "chat"
    DELETE_MODEL = "delete_model"
    MODERATE = "moderate"
    WANDB = "wandb"
    """A job's metrics go to Weights & Biases too."""
    ESTIMATE_PRICE = "estimate_price"
    """The service itself says what a job would cost."""
    PREVIEW_TOKENS = "preview_tokens"
    """The service shows how it would read rows of a file."""
    VALIDATE_GRADER = "validate_grader"
    """The service looks at a grader before a job is made with it."""
    SCORE_TEXT = "score_text"
    """Say how likely a model holds a given text."""
    CHAT_IMAGES = "chat_images"
    """Take pictures with a question."""
    CHAT_SCHEMA = "chat_schema"
    """Hold an answer to a JSON schema."""
    CHAT_SCHEMA_LENGTHS = "chat_schema_lengths"
    """Hold a text within such an answer to a length: then it has an end at any model."""
    DEPLOY = "deploy"
    """Put a tuned model where it answers, as a step of its own that may cost by the hour."""
    QUEUE = "queue"
    """Keep jobs waiting until a time, in an order that can be changed."""
    BATCH = "batch"
    """Answer many requests within a day at a lower price."""


class Permission(NamedTuple):
    """Whether a provider can do something, with the reason when it can't."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


class Account(NamedTuple):
    """A provider with its base URL, under a name of the user's; the key is never part of it."""

    name: str
    provider: str
    """Profile name, such as "local" or "openai"."""
    base_url: str | None
    label: str
    ready: bool
    """False when a key is missing; `state` then says which."""
    state: str = ""
    key_source: str = ""
    """Where the key comes from: the name of an environment variable, "keyring", or nothing."""


class ModelInfo(NamedTuple):
    """A model that an account can use."""

    account: str
    id: str
    created_at: int | None = None
    owned_by: str = ""
    base_model: str | None = None
    """The base of a tuned model; None for a base model itself."""
    shutdown_date: str | None = None
    """ISO date from the service or the catalog, whichever is better."""
    can_train: bool = False
    can_chat: bool = True
    told_shutdown_date: str | None = None
    """What the service itself told just now; it is kept by service and model, with its day."""

    @property
    def is_fine_tuned(self) -> bool:
        """True for a model that a job made."""
        return self.base_model is not None
