"""The settings of the gateway by itself: each with its default, unit and meaning, and where its value comes from."""
