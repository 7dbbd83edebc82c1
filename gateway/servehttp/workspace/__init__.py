"""The host side: an embedded workspace, the plugin API that it answers, and the hooks that it fires."""
