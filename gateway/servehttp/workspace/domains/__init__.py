"""What the workspace is made of.

The packages import downwards, in this order: sharing, plugins, properties, posts, places, people, base.
"""
