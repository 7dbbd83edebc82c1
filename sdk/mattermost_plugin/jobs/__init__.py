"""Methods of a plugin that run at times: `@every(3600)`, `@daily("03:00")`."""

from mattermost_plugin.jobs.decorators import daily, every

__all__ = ["daily", "every"]
