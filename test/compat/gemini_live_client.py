"""A client of AI Proxy Core's live session, with `websockets`. Prints every reply as JSON, one a line."""

import asyncio
import base64
import json
import sys

import websockets


async def main(url):
    async with websockets.connect(url) as socket:

        async def replies(last):
            while True:
                reply = json.loads(await asyncio.wait_for(socket.recv(), 20))
                print(json.dumps(reply), flush=True)
                if reply["type"] == last:
                    return

        await replies("system")
        await socket.send(json.dumps({"type": "config", "data": {"app": "demo", "client_id": "python-1"}}))
        await replies("config_success")
        await socket.send(json.dumps({"type": "text", "data": {"text": "Hello Gemini"}}))
        await replies("response")
        samples = base64.b64encode(bytes(640)).decode()
        for message in [
            {"type": "audio", "data": {"data": samples, "mime_type": "audio/webm"}},
            {"type": "audio", "data": {"base64": samples, "mime_type": "audio/pcm"}},
        ]:
            await socket.send(json.dumps(message))
        await replies("system")
        await replies("response")


asyncio.run(main(sys.argv[1]))
