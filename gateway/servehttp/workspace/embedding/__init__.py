"""How the gateway holds the workspace: its lifetime, the plugins it manages, its sessions, its REST API for workers."""
