"""The store: everything seen or paid for, kept as it happens; nobody else writes SQL."""

from __future__ import annotations

from tui.store.account_queries import AccountQueries
from tui.store.archive_queries import ArchiveQueries
from tui.store.chat_queries import ChatQueries
from tui.store.comparison_queries import ComparisonQueries
from tui.store.dataset_queries import DatasetQueries
from tui.store.deployment_queries import DeploymentQueries
from tui.store.embedding_queries import EmbeddingQueries
from tui.store.eval_queries import EvalQueries
from tui.store.event_queries import EventQueries
from tui.store.job_queries import JobQueries
from tui.store.launch_queries import LaunchQueries
from tui.store.model_queries import ModelQueries
from tui.store.moderation_queries import ModerationQueries
from tui.store.notice_queries import NoticeQueries
from tui.store.proposal_queries import ProposalQueries
from tui.store.recording_queries import RecordingQueries
from tui.store.stop_queries import StopQueries
from tui.store.sweep_queries import SweepQueries
from tui.store.upload_queries import UploadQueries
from tui.store.usage_queries import UsageQueries


class Store(
    JobQueries,
    EventQueries,
    DatasetQueries,
    LaunchQueries,
    AccountQueries,
    ChatQueries,
    UsageQueries,
    ModerationQueries,
    ArchiveQueries,
    StopQueries,
    ModelQueries,
    NoticeQueries,
    EvalQueries,
    RecordingQueries,
    ComparisonQueries,
    UploadQueries,
    ProposalQueries,
    EmbeddingQueries,
    DeploymentQueries,
    SweepQueries,
):
    """All queries over one database file; thread-safe, and open to other processes at the same time."""
