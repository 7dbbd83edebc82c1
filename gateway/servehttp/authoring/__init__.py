"""What a plugin's author does before anything is served: begin a plugin, and pack it."""
