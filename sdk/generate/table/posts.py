"""Posts, threads, searches and reactions."""

from __future__ import annotations

from collections.abc import Sequence

from mattermost_plugin.api import wire_values
from mattermost_plugin.models import Post, PostList, PostSearchResults, Reaction, SearchParameter, SearchParams
from notation import repeatable, response, result, wire


def create_post(post: Post) -> Post:
    """Post in the name of `post.user_id`, and return the post as stored.

    MessageWillBePosted hooks run, those of the caller too: one that posts from there has to know its own posts.

    Args:
        post: the post; `channel_id` and `user_id` are needed, and a `message`, files or attachments in `props`.

    Raises:
        NotFoundError: there is no such channel or root post.
        ValidationError: a field is malformed, the message is too long, or a plugin refused the post.
    """


@repeatable
def get_post(post_id: str) -> Post:
    """One post by id.

    Raises:
        NotFoundError: there is no such post, or it was deleted.
    """


def update_post(post: Post) -> Post:
    """Store a post as given, and return it as stored: read it first. MessageWillBeUpdated hooks run.

    Raises:
        NotFoundError: there is no such post.
        ValidationError: a field is malformed, or a plugin refused the edit.
    """


def delete_post(post_id: str) -> None:
    """Delete a post; replies go with the first post of a thread.

    Raises:
        NotFoundError: there is no such post.
    """


def send_ephemeral_post(user_id: str, post: Post) -> Post:
    """Show a post to one user only, and return it with its id. It is not stored, and gone when the client reloads.

    Args:
        user_id: who sees it; `post.user_id` is who it seems to be from.
    """


def update_ephemeral_post(user_id: str, post: Post) -> Post:
    """Show a post in place of an ephemeral one with the same id, and return it.

    Args:
        user_id: who sees it.
    """


def delete_ephemeral_post(user_id: str, post_id: str) -> None:
    """Remove an ephemeral post from a user's screen.

    Args:
        user_id: who sees it.
    """


@repeatable
def get_post_thread(post_id: str) -> PostList:
    """A post with the whole thread it is in.

    Args:
        post_id: any post of the thread.

    Raises:
        NotFoundError: there is no such post.
    """


@repeatable
def get_posts_since(channel_id: str, time: int) -> PostList:
    """A channel's posts made, edited or deleted since a moment.

    Args:
        time: in milliseconds since the epoch, compared with `Post.update_at`.
    """


@repeatable
def get_posts_after(channel_id: str, post_id: str, *, page: int = 0, per_page: int = 60) -> PostList:
    """A page of a channel's posts newer than a post."""


@repeatable
def get_posts_before(channel_id: str, post_id: str, *, page: int = 0, per_page: int = 60) -> PostList:
    """A page of a channel's posts older than a post."""


@repeatable
def get_posts_for_channel(channel_id: str, *, page: int = 0, per_page: int = 60) -> PostList:
    """A page of a channel's posts, newest first."""


@repeatable
def search_posts_in_team(team_id: str, terms: str | Sequence[SearchParams]) -> PostList:
    """Posts of a team that match any of some searches, with no regard to who asks; in the order of the server.

    Args:
        terms: the words to look for, text in quotes being a phrase; or searches with more to say.

    Raises:
        PluginAPIError: searching is switched off (501).
    """
    # The reference sends a field `terms` and reads `post_list`; the wire has `params_list` and `posts`.
    wire(params_list=wire_values.searches(terms))
    result(wire_values.post_list(response.posts))


@repeatable
def search_posts_in_team_for_user(team_id: str, user_id: str, terms: str | SearchParameter) -> PostSearchResults:
    """Posts of a team that match and that a user may see, best first.

    Args:
        user_id: whose eyes to look with.
        terms: as users type it, "from:" and "in:" included; or a search with more to say.

    Raises:
        PluginAPIError: searching is switched off (501).
    """
    # The reference sends a field `terms` and reads `post_list`; the wire has `search_params` and `results`.
    wire(search_params=wire_values.search(terms))


def add_reaction(reaction: Reaction) -> Reaction:
    """Add a reaction in the name of its user, and return it.

    Args:
        reaction: `user_id`, `post_id` and `emoji_name` (without the colons) are needed.

    Raises:
        NotFoundError: there is no such post or emoji.
        ValidationError: a field is missing, or the channel is archived.
    """


def remove_reaction(reaction: Reaction) -> None:
    """Remove a reaction; one that does not exist is no error.

    Args:
        reaction: `user_id`, `post_id` and `emoji_name` count.

    Raises:
        NotFoundError: there is no such post.
    """


@repeatable
def get_reactions(post_id: str) -> list[Reaction]:
    """The reactions to a post.

    Raises:
        NotFoundError: there is no such post.
    """
