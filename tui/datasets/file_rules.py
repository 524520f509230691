"""The rules that only the beginning of a file, or the whole of it, can answer."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from tui.datasets.findings import KEPT_PER_RULE, FindingCollector
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import CheckOptions
from tui.datasets.services import SERVICES
from tui.datasets.start_facts import StartFacts

FEW_EXAMPLES = 50
MAX_REINFORCEMENT_EXAMPLES = 50_000
MAX_REINFORCEMENT_VALIDATION = 1_000
MAX_IMAGE_EXAMPLES = 50_000
LARGE_FILE_BYTES = 512 * 1024 * 1024
_COMPLETION_MODELS = ("babbage-002", "davinci-002", "ft:babbage-002", "ft:davinci-002")


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What was counted in a whole file."""

    size: int
    """Bytes."""
    format: DatasetFormat
    examples: int
    image_examples: int
    with_system: int
    without_system: array[int]
    """Lines of conversations without a system message."""


def report_start(start: StartFacts, service: str, findings: FindingCollector) -> None:
    """Report what is wrong with the beginning of a file for a service."""
    if start.is_wide:
        findings.add("wrong-encoding", "The file looks like UTF-16 or UTF-32, not UTF-8.", line=1)
        return
    if start.has_byte_order_mark:
        message = "A byte order mark (EF BB BF) stands before the first line."
        findings.add("byte-order-mark", message, line=1, column=1)
    elif SERVICES[service].byte_order_mark == "wanted":
        message = "No byte order mark (EF BB BF) stands before the first line."
        findings.add("byte-order-mark-missing", message, line=1)
    if start.document is not None:
        findings.add(
            "json-not-jsonl",
            "The file holds one JSON document instead of one object per line.",
            line=start.document_line,
            column=1,
            text=start.document.decode("utf-8", "replace"),
            service_text=not_a_dictionary(start.document_line, start.document),
        )


def not_a_dictionary(number: int, line: bytes) -> str:
    """Return what the service says of a line that is no object."""
    start = line[:3].decode("utf-8", "replace")
    return (
        "Expected file to have JSONL format, where every line is a JSON dictionary. "
        f'Line {number} is not a dictionary (HINT: line starts with: "{start}...").'
    )


def check_whole_file(
    facts: FileFacts, options: CheckOptions, findings: FindingCollector, *, readable: bool
) -> None:
    """Report what the counts of a whole file show.

    Args:
        facts: The counts.
        options: What the file is checked for.
        findings: Receives what is found.
        readable: Its rows could be read; else only its size is judged.
    """
    _check_size(facts.size, options, findings)
    if readable:
        _check_example_count(facts, options, findings)
        _check_images(facts.image_examples, findings)
        _check_model(facts.format, options.model, findings)
        _check_system_messages(facts, findings)


def _check_size(size: int, options: CheckOptions, findings: FindingCollector) -> None:
    shown = f"The file has {size / 1024**3:.1f} GB"
    most = SERVICES[options.provider].maximum_bytes
    if most is not None and size > most:
        findings.add("file-too-large", f"{shown}; {most / 1024**3:.4g} GB is the most.")
    elif size > LARGE_FILE_BYTES:
        findings.add("large-file", f"{shown}: above 512 MB it is uploaded in parts.")


def _check_example_count(facts: FileFacts, options: CheckOptions, findings: FindingCollector) -> None:
    found, needed = facts.examples, options.minimum_examples
    service = None  # nobody has published what it says of a validation file
    if not options.validation:
        service = f"Training file has {found} example(s), but must have at least {needed} examples"
    if not found:
        findings.add("file-empty", "The file holds no example.", service_text=service)
    elif found < needed:
        message = f"The file has {found} of the {needed} examples that are needed."
        findings.add("not-enough-examples", message, service_text=service)
    elif found < FEW_EXAMPLES and not options.validation:
        findings.add(
            "few-examples",
            f"The file has {found} example{'' if found == 1 else 's'}; 50 or more are advised.",
        )
    most = MAX_REINFORCEMENT_VALIDATION if options.validation else MAX_REINFORCEMENT_EXAMPLES
    if facts.format is DatasetFormat.REINFORCEMENT and found > most:
        findings.add("too-many-examples", f"The file has {found:,} examples; {most:,} are the most.")
    service_most = SERVICES[options.provider].maximum_examples
    if service_most is not None and found > service_most:
        findings.add("too-many-examples", f"The file has {found:,} examples; {service_most:,} are the most.")


def _check_images(examples: int, findings: FindingCollector) -> None:
    if examples:
        findings.add(
            "images-may-be-skipped", f"{examples:,} example{' holds' if examples == 1 else 's hold'} images."
        )
    if examples > MAX_IMAGE_EXAMPLES:
        findings.add("too-many-examples", f"{examples:,} examples hold images; 50,000 are the most.")


def _check_model(dataset_format: DatasetFormat, model: str, findings: FindingCollector) -> None:
    if dataset_format is DatasetFormat.COMPLETION and not model.startswith(_COMPLETION_MODELS):
        findings.add(
            "completion-format",
            f"{model} can't learn from prompt and completion rows.",
            service_text="Invalid file format. Example 1 is missing key 'messages'.",
        )
    if dataset_format is DatasetFormat.TEXT:
        findings.add(
            "text-format",
            "The rows are bare text.",
            service_text="Invalid file format. Example 1 is missing key 'messages'.",
        )


def _check_system_messages(facts: FileFacts, findings: FindingCollector) -> None:
    if not facts.with_system:
        return
    without = facts.without_system
    total = facts.with_system + len(without)
    message = f"No system message, while {facts.with_system:,} of {total:,} lines have one."
    for number in without[:KEPT_PER_RULE]:
        findings.add("missing-system", message, line=number)
    findings.add_uncounted("missing-system", max(0, len(without) - KEPT_PER_RULE))
