"""Calls a gateway with stubs that grpc_tools.protoc has made, and prints what it saw as one JSON object.

Arguments: the gateway's host and port, and the id of a provider of chat completions.
"""

import json
import sys

import grpc
from google.protobuf.json_format import MessageToDict
from livellm.v1 import agent_service_pb2, agent_service_pb2_grpc, error_pb2, message_pb2, route_pb2


def request_to(message_type, text, **target):
    return message_type(
        route=route_pb2.Route(targets=[route_pb2.Target(**target)]),
        messages=[message_pb2.Message(text=text)],
    )


def stream(agent, text, **target):
    request = request_to(agent_service_pb2.RunStreamRequest, text, **target)
    events = [event for event in agent.RunStream(request, timeout=10)]
    return {
        "names": [event.WhichOneof("event") for event in events],
        "text": "".join(event.text_delta.text for event in events),
        "finished": MessageToDict(events[-1].finished),
    }


def failure(agent):
    try:
        agent.Run(agent_service_pb2.RunRequest(), timeout=10)
    except grpc.RpcError as error:
        return {"code": error.code().name, "message": error.details(), "details": details_of(error)}
    raise AssertionError("the call did not fail")


def details_of(error):
    """`grpc-status-details-bin` holds a google.rpc.Status: field 3 has the details."""
    from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="status.proto", package="test", syntax="proto3", dependency=["google/protobuf/any.proto"]
    )
    status = file.message_type.add(name="Status")
    field = descriptor_pb2.FieldDescriptorProto
    status.field.add(name="code", number=1, type=field.TYPE_INT32, label=field.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
    status.field.add(
        name="details",
        number=3,
        type=field.TYPE_MESSAGE,
        type_name=f".{any_pb2.Any.DESCRIPTOR.full_name}",
        label=field.LABEL_REPEATED,
    )
    pool = descriptor_pool.Default()
    pool.Add(file)
    status_type = message_factory.GetMessageClass(pool.FindMessageTypeByName("test.Status"))
    trailers = dict(error.trailing_metadata())
    for detail in status_type.FromString(trailers["grpc-status-details-bin"]).details:
        if detail.Is(error_pb2.ErrorDetail.DESCRIPTOR):
            return MessageToDict(error_pb2.ErrorDetail.FromString(detail.value))
    raise AssertionError("there is no ErrorDetail")


def main(address, vendor):
    with grpc.insecure_channel(address) as channel:
        agent = agent_service_pb2_grpc.AgentServiceStub(channel)
        answer = agent.Run(
            request_to(agent_service_pb2.RunRequest, "Hello!", provider="local", model="echo"), timeout=10
        )
        seen = {
            "unary": MessageToDict(answer),
            "echo": stream(agent, "Hello brave world", provider="local", model="echo"),
            "vendor": stream(agent, "Hello!", provider=vendor, model="m-1"),
            "failure": failure(agent),
        }
    print(json.dumps(seen))


main(*sys.argv[1:])
