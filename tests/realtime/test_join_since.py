"""`join {since}`: what was missed comes with the acknowledgement, and what happens from then on as events."""

from uuid import uuid4

from tests.support.client import Api
from tests.support.server import Device, Server


def test_join_with_since_answers_what_sync_does(server: Server) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversations = [api.conversation(ann, bob) for _ in range(3)]
    for conversation in conversations:
        api.send(conversation, ann)
    known = {conversations[0]["id"]: 2, conversations[1]["id"]: 1, str(uuid4()): 1}
    with Device(server) as device:
        for limit in (1, 50):
            answer = device.join(bob, since=known, limit=limit)
            assert answer.pop("user") == bob
            synced = api.sync(bob, known, limit)
            synced["cursor"] = answer["cursor"]  # it names what others have changed meanwhile too
            assert answer == synced
        assert device.join(bob) == {"user": bob}
        assert device.join(bob, since={"x": 1})["error"]["code"] == "validation_failed"


def test_what_commits_while_joining_is_in_the_answer_or_arrives(server: Server) -> None:
    api = Api(server)
    ann, bob = api.users("ann", "bob")
    conversation = api.conversation(ann, bob)
    with Device(server) as sender, Device(server) as joiner:
        sender.join(ann)
        for number in range(30):
            data = {"conversation_id": conversation["id"], "message": str(number), "client_id": str(number)}
            sender.socket.emit("sendMessage", data)  # under way while the other one joins
        answer = joiner.join(bob, since={})
        seen = [message["seq"] for message in answer["conversations"][0]["messages"]]
        while set(seen) != set(range(1, 31)):
            seen.append(joiner.hear("message")["seq"])
