"""What every domain needs: the configuration, system properties, mail, images, limits."""
