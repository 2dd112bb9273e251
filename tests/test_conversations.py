"""Conversations: opened, listed, paged."""

from tests.client import Api


def test_one_participant_is_attached_like_many(api: Api) -> None:
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    assert {each["id"] for each in conversation["participants"]} == {ann["id"], bob["id"]}
    assert conversation["owner_user_id"] == ann["id"]
    assert [each["id"] for each in api.conversations(bob)] == [conversation["id"]]
