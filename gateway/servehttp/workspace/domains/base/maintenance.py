"""What Mattermost does once a day, or when its makers say so. Here nothing of it happens by itself: somebody calls."""

from __future__ import annotations

import structlog

from mattermost_plugin.models import ProductLimits
from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.hooks import HookFailed

BATCH = 3000
"""Rows that a plugin is to delete at once, as in Mattermost."""

logger = structlog.get_logger("servehttp.maintenance")


class Maintenance(Domain):
    """Hooks of plugins that belong to no event of the workspace."""

    async def run_data_retention(self, batch_size: int = BATCH) -> dict[str, int]:
        """Have every plugin delete what is too old, by RunDataRetention; returns how many rows each has deleted.

        A plugin that deleted a whole batch may have more to delete: call again. One that failed is in the log, and has
        deleted none.
        """
        answers = await self.hooks.ask_each("RunDataRetention", now_time=self.now(), batch_size=batch_size)
        for plugin_id, answer in answers.items():
            if not isinstance(answer, HookFailed) and answer.HasField("error"):
                logger.warning("data retention failed", plugin=plugin_id, error=answer.error.message)
        return {
            plugin_id: 0 if isinstance(answer, HookFailed) else answer.deleted_count
            for plugin_id, answer in answers.items()
        }

    def send_daily_telemetry(self) -> None:
        """Have every plugin send its telemetry, by OnSendDailyTelemetry. The workspace itself sends none."""
        self.notify("OnSendDailyTelemetry")

    def announce_cloud_limits(self, limits: ProductLimits) -> None:
        """Tell every plugin of other limits, by OnCloudLimitsUpdated. The workspace itself keeps to none."""
        self.notify("OnCloudLimitsUpdated", limits=limits)
