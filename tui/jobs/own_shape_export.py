"""The request that makes a job again at a service with a shape of its own: Together and Fireworks."""

from __future__ import annotations

from typing import Any

from tui.records.requests import JobRequest


def own_request(shape: str, base_url: str, request: JobRequest) -> tuple[str, dict[str, Any]]:
    """Return the route of a creation below the account's address, and its JSON.

    Args:
        shape: Of the service: `together` or `fireworks`.
        base_url: The account's address, which at Fireworks names the account.
        request: The job.

    Raises:
        ProviderError: The service has no place for a part of the request.
    """
    if shape == "together":
        from tui.providers.together.request import job_body

        return "/fine-tunes", job_body(request, {})
    from tui.providers.fireworks.request import job_body as fireworks_body

    account = f"accounts/{base_url.rstrip('/').rpartition('/')[2]}"
    route, body = fireworks_body(request, account)
    return f"/{route}", body


def own_python(address: str, variable: str, body: str) -> list[str]:
    """Return lines of Python that send a creation once, with nothing but the standard library.

    Args:
        address: As a Python expression.
        variable: Environment variable of the key.
        body: As a Python expression.
    """
    return [
        "import json",
        "import os",
        "import urllib.request",
        "",
        f"body = {body}",
        "request = urllib.request.Request(",
        f"    {address},",
        "    data=json.dumps(body).encode(),",
        "    headers={",
        f'        "Authorization": f"Bearer {{os.environ[\'{variable}\']}}",',
        '        "Content-Type": "application/json",',
        "    },",
        ")",
        "with urllib.request.urlopen(request) as answer:",
        "    print(answer.read().decode())",
        "",
    ]
