"""Small requests to two example plugins: what a gateway costs shows best where the plugin does next to nothing."""

from __future__ import annotations

from locust import FastHttpUser, constant, task


class Visitor(FastHttpUser):
    """Sends the next request as soon as it has read the answer to the last one."""

    wait_time = constant(0)

    @task
    def read_json(self) -> None:
        """17 bytes of JSON."""
        with self.client.get("/plugins/com.example.bench/json", catch_response=True) as response:
            if response.content != b'{"hello":"world"}':
                response.failure(f"answered with {response.status_code}: {response.text}")

    @task
    def greet(self) -> None:
        """A path parameter and JSON."""
        with self.client.get("/plugins/com.example.hello/hello/locust", catch_response=True) as response:
            if response.status_code != 200 or response.json() != {"hello": "locust"}:
                response.failure(f"answered with {response.status_code}: {response.text}")
