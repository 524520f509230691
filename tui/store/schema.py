"""The store's tables, as a list of migrations: `PRAGMA user_version` says how many have been applied."""

from __future__ import annotations

_FIRST = """
CREATE TABLE accounts (
    name TEXT PRIMARY KEY, provider TEXT NOT NULL, base_url TEXT, label TEXT NOT NULL,
    seen_at INTEGER NOT NULL
);
CREATE TABLE account_notes (
    account TEXT NOT NULL, topic TEXT NOT NULL, message TEXT NOT NULL, noted_at INTEGER NOT NULL,
    PRIMARY KEY (account, topic)
);
CREATE TABLE datasets (
    path TEXT PRIMARY KEY, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    rows INTEGER NOT NULL, format TEXT NOT NULL, valid INTEGER NOT NULL, counts TEXT NOT NULL,
    opened_at INTEGER NOT NULL
);
CREATE INDEX datasets_by_time ON datasets (opened_at DESC);
CREATE TABLE reports (
    sha256 TEXT NOT NULL, options_key TEXT NOT NULL, report TEXT NOT NULL, made_at INTEGER NOT NULL,
    PRIMARY KEY (sha256, options_key)
);
CREATE TABLE files (
    account TEXT NOT NULL, id TEXT NOT NULL, sha256 TEXT NOT NULL, filename TEXT NOT NULL,
    bytes INTEGER NOT NULL, purpose TEXT NOT NULL, created_at INTEGER, status TEXT,
    PRIMARY KEY (account, id)
);
CREATE INDEX files_by_content ON files (account, sha256);
CREATE TABLE jobs (
    account TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, raw_status TEXT NOT NULL,
    model TEXT NOT NULL, method TEXT NOT NULL, created_at INTEGER, finished_at INTEGER,
    estimated_finish INTEGER, fine_tuned_model TEXT, training_file TEXT, validation_file TEXT,
    result_files TEXT NOT NULL, trained_tokens INTEGER, hyperparameters TEXT NOT NULL,
    seed INTEGER, suffix TEXT,
    metadata TEXT NOT NULL, error TEXT, raw TEXT NOT NULL,
    final INTEGER NOT NULL, archived INTEGER NOT NULL DEFAULT 0, seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE INDEX jobs_by_time ON jobs (created_at DESC);
CREATE TABLE events (
    account TEXT NOT NULL, job_id TEXT NOT NULL, id TEXT NOT NULL, created_at INTEGER NOT NULL,
    level TEXT NOT NULL, message TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
    UNIQUE (account, job_id, id)
);
CREATE TABLE metrics (
    account TEXT NOT NULL, job_id TEXT NOT NULL, step INTEGER NOT NULL, name TEXT NOT NULL,
    value REAL NOT NULL, PRIMARY KEY (account, job_id, step, name)
) WITHOUT ROWID;
CREATE TABLE checkpoints (
    account TEXT NOT NULL, job_id TEXT NOT NULL, id TEXT NOT NULL, model TEXT NOT NULL, step INTEGER NOT NULL,
    created_at INTEGER, metrics TEXT NOT NULL,
    PRIMARY KEY (account, job_id, id)
);
CREATE TABLE launches (
    run_id TEXT PRIMARY KEY, account TEXT NOT NULL, state TEXT NOT NULL, request TEXT NOT NULL,
    fingerprint TEXT NOT NULL, dataset_path TEXT NOT NULL, dataset_sha256 TEXT NOT NULL,
    price TEXT NOT NULL, job_id TEXT, problem TEXT, created_at INTEGER NOT NULL
);
CREATE INDEX launches_by_fingerprint ON launches (account, fingerprint);
CREATE INDEX launches_by_job ON launches (account, job_id);
CREATE TABLE models (
    account TEXT NOT NULL, id TEXT NOT NULL, created_at INTEGER, owned_by TEXT NOT NULL, base_model TEXT,
    shutdown_date TEXT, can_train INTEGER NOT NULL, can_chat INTEGER NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (account, id)
);
CREATE TABLE chats (
    id TEXT PRIMARY KEY, title TEXT NOT NULL, models TEXT NOT NULL, system_prompt TEXT NOT NULL,
    parameters TEXT NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
);
CREATE INDEX chats_by_time ON chats (updated_at DESC);
CREATE TABLE messages (
    chat_id TEXT NOT NULL, turn INTEGER NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY (chat_id, turn, role)
);
CREATE TABLE answers (
    chat_id TEXT NOT NULL, turn INTEGER NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
    created_at INTEGER NOT NULL, text TEXT NOT NULL, finish_reason TEXT,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    first_token_seconds REAL, seconds REAL NOT NULL,
    PRIMARY KEY (chat_id, turn, account, model, created_at)
);
CREATE INDEX answers_by_model ON answers (account, model);
"""

_USAGE = """
CREATE TABLE usage (
    account TEXT NOT NULL, kind TEXT NOT NULL CHECK (kind IN ('chat', 'training')), reference TEXT NOT NULL,
    model TEXT NOT NULL, created_at INTEGER,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    trained_tokens INTEGER NOT NULL,
    PRIMARY KEY (account, kind, reference)
) WITHOUT ROWID;
INSERT OR REPLACE INTO usage
    SELECT account, 'chat', chat_id || '/' || turn || '/' || created_at || '/' || model, model, created_at,
        prompt_tokens, completion_tokens, cached_tokens, 0
    FROM answers;
INSERT OR REPLACE INTO usage
    SELECT account, 'training', id, model, coalesce(finished_at, created_at), 0, 0, 0, trained_tokens
    FROM jobs WHERE final AND trained_tokens > 0;
"""

_MODEL_DATES = """
CREATE TABLE model_dates (
    provider TEXT NOT NULL, model TEXT NOT NULL, shutdown_date TEXT NOT NULL, seen_at INTEGER NOT NULL,
    PRIMARY KEY (provider, model)
) WITHOUT ROWID;
"""

_MODERATIONS = """
CREATE TABLE moderations (
    account TEXT NOT NULL, model TEXT NOT NULL, digest BLOB NOT NULL, categories TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (account, model, digest)
) WITHOUT ROWID;
"""

_LAUNCH_QUEUE = """
CREATE TABLE launch_queue (run_id TEXT PRIMARY KEY, due_at INTEGER NOT NULL) WITHOUT ROWID;
"""

_ARCHIVES = """
CREATE TABLE archives (
    account TEXT NOT NULL, job_id TEXT NOT NULL, folder TEXT, problem TEXT, due_at INTEGER,
    PRIMARY KEY (account, job_id)
) WITHOUT ROWID;
"""

_STOP_RULES = """
CREATE TABLE stop_rules (
    account TEXT NOT NULL, job_id TEXT NOT NULL, rules TEXT NOT NULL, PRIMARY KEY (account, job_id)
) WITHOUT ROWID;
CREATE TABLE job_actions (
    account TEXT NOT NULL, job_id TEXT NOT NULL, rule TEXT NOT NULL, action TEXT NOT NULL,
    reason TEXT NOT NULL, at INTEGER NOT NULL, done INTEGER NOT NULL, problem TEXT,
    PRIMARY KEY (account, job_id, rule)
) WITHOUT ROWID;
"""

_MODEL_WORDS = """
CREATE TABLE model_tags (
    account TEXT NOT NULL, model TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (account, model, tag)
) WITHOUT ROWID;
CREATE TABLE model_notes (
    account TEXT NOT NULL, model TEXT NOT NULL, note TEXT NOT NULL, noted_at INTEGER NOT NULL,
    PRIMARY KEY (account, model)
) WITHOUT ROWID;
CREATE TABLE deleted_models (
    account TEXT NOT NULL, model TEXT NOT NULL, deleted_at INTEGER NOT NULL, PRIMARY KEY (account, model)
) WITHOUT ROWID;
"""

_NUMBERED_JOBS = """
CREATE TABLE job_numbers (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, job_id TEXT NOT NULL, UNIQUE (account, job_id)
);
CREATE TABLE metric_names (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE job_events (
    number INTEGER PRIMARY KEY, job INTEGER NOT NULL, id TEXT NOT NULL, created_at INTEGER NOT NULL,
    level TEXT NOT NULL, message TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL,
    UNIQUE (job, id)
);
CREATE TABLE job_metrics (
    job INTEGER NOT NULL, name INTEGER NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (job, name, step)
) WITHOUT ROWID;
CREATE TABLE job_outlines (job INTEGER PRIMARY KEY, outline TEXT NOT NULL);
INSERT INTO job_numbers (account, job_id)
    SELECT account, job_id FROM events UNION SELECT account, job_id FROM metrics;
INSERT INTO metric_names (name) SELECT DISTINCT name FROM metrics;
INSERT INTO job_events (job, id, created_at, level, message, type, data)
    SELECT n.number, e.id, e.created_at, e.level, e.message, e.type, e.data
    FROM events e JOIN job_numbers n ON n.account = e.account AND n.job_id = e.job_id ORDER BY e.rowid;
INSERT INTO job_metrics
    SELECT n.number, names.number, m.step, m.value
    FROM metrics m JOIN job_numbers n ON n.account = m.account AND n.job_id = m.job_id
    JOIN metric_names names ON names.name = m.name;
DROP TABLE events;
DROP TABLE metrics;
"""

_LISTED_CHECKPOINTS = "ALTER TABLE checkpoints ADD COLUMN listed INTEGER NOT NULL DEFAULT 1;"

_NOTICES = """
CREATE TABLE notices (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL, subject TEXT NOT NULL, event TEXT NOT NULL,
    topic TEXT NOT NULL, words TEXT NOT NULL, at INTEGER NOT NULL, routed INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, subject, event, topic)
);
CREATE INDEX notices_to_route ON notices (number) WHERE NOT routed;
CREATE TABLE deliveries (
    notice INTEGER NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL,
    due_at INTEGER NOT NULL, problem TEXT, PRIMARY KEY (notice, channel)
) WITHOUT ROWID;
CREATE INDEX deliveries_open ON deliveries (due_at) WHERE state IN ('due', 'sending');
"""

_EVALUATIONS = """
CREATE TABLE eval_answers (
    account TEXT NOT NULL, model TEXT NOT NULL, digest BLOB NOT NULL, text TEXT NOT NULL,
    tool_calls TEXT NOT NULL, finish_reason TEXT, prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, first_token_seconds REAL,
    seconds REAL, asked_at INTEGER NOT NULL, batched INTEGER NOT NULL,
    PRIMARY KEY (account, model, digest)
);
CREATE TABLE eval_text_scores (
    account TEXT NOT NULL, model TEXT NOT NULL, digest BLOB NOT NULL, tokens INTEGER NOT NULL,
    log_probability REAL NOT NULL, likeliest INTEGER NOT NULL, PRIMARY KEY (account, model, digest)
) WITHOUT ROWID;
CREATE TABLE eval_batches (
    account TEXT NOT NULL, id TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
    digests BLOB NOT NULL, created_at INTEGER NOT NULL, collected INTEGER NOT NULL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
CREATE TABLE eval_runs (
    id TEXT PRIMARY KEY, created_at INTEGER NOT NULL, title TEXT NOT NULL, report TEXT NOT NULL
);
"""

_CHAT_BRANCHES = """
ALTER TABLE chats ADD COLUMN head INTEGER;
ALTER TABLE chats ADD COLUMN tools TEXT NOT NULL DEFAULT '[]';
ALTER TABLE answers ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE answers ADD COLUMN tool_calls TEXT NOT NULL DEFAULT '[]';
ALTER TABLE answers ADD COLUMN logprobs TEXT NOT NULL DEFAULT '[]';
UPDATE answers SET error = text, text = '' WHERE finish_reason = 'error';
CREATE TABLE turn_places (
    chat_id TEXT NOT NULL, turn INTEGER NOT NULL, parent INTEGER, results TEXT NOT NULL,
    images TEXT NOT NULL, PRIMARY KEY (chat_id, turn)
) WITHOUT ROWID;
CREATE TABLE chat_images (
    chat_id TEXT NOT NULL, digest TEXT NOT NULL, media_type TEXT NOT NULL, width INTEGER NOT NULL,
    height INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (chat_id, digest)
);
CREATE TABLE chat_tags (
    chat_id TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (chat_id, tag)
) WITHOUT ROWID;
CREATE TABLE indexed_chats (chat_id TEXT PRIMARY KEY, updated_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE indexed_turns (
    number INTEGER PRIMARY KEY, chat_id TEXT NOT NULL, turn INTEGER NOT NULL, UNIQUE (chat_id, turn)
);
"""

_RECORDINGS = """
CREATE TABLE answer_logprobs (
    account TEXT NOT NULL, model TEXT NOT NULL, digest BLOB NOT NULL, logprobs BLOB NOT NULL,
    PRIMARY KEY (account, model, digest)
) WITHOUT ROWID;
CREATE TABLE recordings (
    id TEXT PRIMARY KEY, account TEXT NOT NULL, model TEXT NOT NULL, source TEXT NOT NULL,
    parameters TEXT NOT NULL, created_at INTEGER NOT NULL
);
CREATE TABLE recorded_requests (
    recording TEXT NOT NULL, number INTEGER NOT NULL, digest BLOB NOT NULL, case_id TEXT NOT NULL,
    line INTEGER NOT NULL, messages TEXT NOT NULL, tools TEXT NOT NULL, expected TEXT NOT NULL,
    refusal TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (recording, number)
) WITHOUT ROWID;
CREATE INDEX recorded_digests ON recorded_requests (digest);
"""

_UPLOADS = """
CREATE TABLE uploads (
    account TEXT NOT NULL, sha256 TEXT NOT NULL, id TEXT NOT NULL, bytes INTEGER NOT NULL,
    part_bytes INTEGER NOT NULL, created_at INTEGER, expires_at INTEGER, PRIMARY KEY (account, sha256)
) WITHOUT ROWID;
CREATE TABLE upload_parts (
    account TEXT NOT NULL, upload_id TEXT NOT NULL, number INTEGER NOT NULL, sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY (account, upload_id, number)
) WITHOUT ROWID;
"""

_COMPARISONS = """
CREATE TABLE comparisons (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, sides TEXT NOT NULL, seed INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE TABLE compared_rounds (
    comparison TEXT NOT NULL, number INTEGER NOT NULL, messages TEXT NOT NULL, tools TEXT NOT NULL,
    first_is_left INTEGER NOT NULL, rating TEXT, rated_at INTEGER, PRIMARY KEY (comparison, number)
) WITHOUT ROWID;
"""

# What was indexed before letters were kept apart is indexed again by the next search.
_UNSPACED_WORDS = "UPDATE indexed_chats SET updated_at = -1;"

# The index took vowel signs for spaces; what makes it anew is the next search.
_VOWEL_SIGNS = """
DROP TABLE IF EXISTS chat_words;
DELETE FROM indexed_turns;
UPDATE indexed_chats SET updated_at = -1;
"""

_DEPLOYMENTS = """
CREATE TABLE deployments (
    account TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL,
    raw_state TEXT NOT NULL, tier TEXT NOT NULL, capacity INTEGER, created_at INTEGER, problem TEXT NOT NULL,
    source_job TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (account, name)
) WITHOUT ROWID;
"""

_PROPOSALS = """
CREATE TABLE proposal_runs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, account TEXT NOT NULL, model TEXT NOT NULL,
    target TEXT NOT NULL, definition TEXT NOT NULL, created_at INTEGER NOT NULL
);
CREATE TABLE proposal_sources (run TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (run, number))
    WITHOUT ROWID;
CREATE TABLE proposals (
    run TEXT NOT NULL, number INTEGER NOT NULL, state TEXT NOT NULL, line BLOB NOT NULL, why TEXT NOT NULL,
    seeds TEXT NOT NULL, near TEXT NOT NULL, near_share REAL NOT NULL, near_line BLOB NOT NULL,
    temperature REAL, prompt BLOB NOT NULL, made_at INTEGER NOT NULL, edited INTEGER NOT NULL,
    decided_at INTEGER, PRIMARY KEY (run, number)
);
CREATE TABLE embeddings (
    account TEXT NOT NULL, model TEXT NOT NULL, digest BLOB NOT NULL, vector BLOB NOT NULL,
    PRIMARY KEY (account, model, digest)
) WITHOUT ROWID;
"""

_SWEEPS = """
CREATE TABLE sweeps (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL, agreed TEXT NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, created_at INTEGER NOT NULL, started_at INTEGER,
    ended_at INTEGER, stop_asked INTEGER NOT NULL, winner INTEGER
);
CREATE TABLE sweep_trials (
    sweep_id TEXT NOT NULL, number INTEGER NOT NULL, settings TEXT NOT NULL, state TEXT NOT NULL,
    rung INTEGER NOT NULL, value REAL, note TEXT NOT NULL, asked_at INTEGER NOT NULL, ended_at INTEGER,
    PRIMARY KEY (sweep_id, number)
) WITHOUT ROWID;
CREATE TABLE sweep_stages (
    sweep_id TEXT NOT NULL, number INTEGER NOT NULL, rung INTEGER NOT NULL, run_id TEXT NOT NULL,
    account TEXT NOT NULL, price REAL, currency TEXT NOT NULL, value REAL, answers_cost REAL NOT NULL,
    PRIMARY KEY (sweep_id, number, rung)
) WITHOUT ROWID;
CREATE INDEX sweep_stages_by_run ON sweep_stages (run_id);
CREATE TABLE sweep_log (sweep_id TEXT NOT NULL, at INTEGER NOT NULL, words TEXT NOT NULL);
CREATE INDEX sweep_log_by_sweep ON sweep_log (sweep_id);
"""

# The order is a person's: numbers that grow with each launch, and are exchanged when one is moved.
_ORDERED_QUEUE = """
ALTER TABLE launch_queue ADD COLUMN priority INTEGER NOT NULL DEFAULT 0;
ALTER TABLE launch_queue ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
ALTER TABLE launch_queue ADD COLUMN wished INTEGER NOT NULL DEFAULT 0;
"""

MIGRATIONS: tuple[str, ...] = (
    _FIRST,
    _USAGE,
    _MODEL_DATES,
    _MODERATIONS,
    _LAUNCH_QUEUE,
    _ARCHIVES,
    _STOP_RULES,
    _MODEL_WORDS,
    _NUMBERED_JOBS,
    _LISTED_CHECKPOINTS,
    _NOTICES,
    _EVALUATIONS,
    _CHAT_BRANCHES,
    _RECORDINGS,
    _UPLOADS,
    _COMPARISONS,
    _UNSPACED_WORDS,
    _DEPLOYMENTS,
    _PROPOSALS,
    _SWEEPS,
    _ORDERED_QUEUE,
    _VOWEL_SIGNS,
)
"""Statements that lead from version n to n + 1; published ones are never edited."""
