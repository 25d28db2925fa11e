"""Drives the package `livellm`, of whatever version, against a gateway, and prints what it saw as JSON."""

import asyncio
import importlib.metadata
import json
import sys

from livellm import LivellmClient
from livellm.models import AgentFallbackRequest, AgentRequest, Settings, TextMessage
from livellm.models.audio.speak import SpeakMimeType, SpeakRequest
from livellm.models.audio.transcribe import TranscribeRequest
from livellm.models.common import ProviderKind
from livellm.models.transcription import (
    TranscriptionAudioChunkWsRequest,
    TranscriptionInitWsRequest,
)

base_url, vendor_url = sys.argv[1:3]
version = tuple(int(part) for part in importlib.metadata.version("livellm").split("."))


def ask(text, **more):
    fields = {"provider_uid": "local", "model": "echo", "messages": [TextMessage(role="user", content=text)], "tools": []}
    return AgentRequest(**{**fields, **more})


def speech(mime_type, sample_rate=16000, text="Hello there, how are you today?"):
    return SpeakRequest(
        provider_uid="local", model="flite", text=text, voice="slt", mime_type=mime_type, sample_rate=sample_rate
    )


async def collect(stream):
    return [item async for item in stream]


async def error_of(call):
    try:
        await call
    except Exception as error:
        return str(error)
    return None


async def http(client):
    seen = {"ping": (await client.ping()).model_dump()}
    await client.update_config(
        Settings(uid="python", provider=ProviderKind.GROQ, api_key="sk-python", base_url=vendor_url)
    )
    seen["configs"] = [config.uid for config in await client.get_configs()]
    seen["run"] = (await client.agent_run(ask("Hello brave new world"))).model_dump()
    seen["vendor"] = (await client.agent_run(ask("Hi", provider_uid="python", model="m"))).output
    seen["stream"] = [chunk.output for chunk in await collect(client.agent_run_stream(ask("one two \u2028 \u0085three")))]
    failing = ask("Hi", gen_config={"extra_body": {"fail_before": "provider_unavailable"}})
    fallback = AgentFallbackRequest(requests=[failing, ask("rescued")])
    seen["fallback"] = (await client.agent_run(fallback)).output
    seen["fallback_stream"] = [chunk.output for chunk in await collect(client.agent_run_stream(fallback))]
    seen["unknown"] = await error_of(client.agent_run(ask("Hi", provider_uid="nobody")))
    return seen


async def audio(client):
    wav = await client.speak(speech(SpeakMimeType.WAV))
    pieces = await collect(client.speak_stream(speech(SpeakMimeType.PCM, 24000)))
    request = TranscribeRequest(
        provider_uid="local", model="moonshine-tiny", file=("speech.wav", wav, "audio/wav"), language="en"
    )
    transcript = await client.transcribe(request)
    return {
        "riff": wav[:4].decode("latin-1"),
        "pcm_seconds": sum(len(piece) for piece in pieces) / 48000,
        "transcript": transcript.model_dump(),
    }


def audio_of(spoken):
    """Through the WebSocket, versions before 1.5 give the message, later ones its bytes."""
    return getattr(spoken, "audio", spoken)


async def sessions(realtime):
    """Versions from 1.5 on run many at a time on one socket; a slow one must not hold up a fast one."""
    slow = ask("a b c d e f g h i j", gen_config={"extra_body": {"pace_ms": 60}})
    order = []

    async def one(name, request):
        outputs = [chunk.output for chunk in await collect(realtime.agent_run_stream(request))]
        order.append(name)
        return outputs

    if version < (1, 5):
        answers = [await one("slow", slow), await one("fast", ask("quick"))]
    else:
        answers = await asyncio.gather(one("slow", slow), *(one("fast", ask(f"quick {i}")) for i in range(20)))
    spoken = await realtime.speak(speech(SpeakMimeType.ULAW, 8000))
    spoken_stream = await collect(realtime.speak_stream(speech(SpeakMimeType.PCM)))
    return {
        "order": order,
        "answers": answers,
        "run": (await realtime.agent_run(ask("over the socket"))).output,
        "ulaw_bytes": len(audio_of(spoken)),
        "stream_seconds": sum(len(audio_of(piece)) for piece in spoken_stream) / 32000,
        "error": await error_of(realtime.agent_run(ask("Hi", provider_uid="nobody"))),
        "after_error": (await realtime.agent_run(ask("still here"))).output,
    }


async def transcription(client, realtime):
    """Paced PCM: 100 ms of audio every 50 ms, with silence behind it that ends the turn."""
    pcm = await client.speak(speech(SpeakMimeType.PCM)) + bytes(2 * 16000 * 3)

    async def source():
        for at in range(0, len(pcm), 3200):
            yield TranscriptionAudioChunkWsRequest(audio=pcm[at : at + 3200])
            await asyncio.sleep(0.05)
        await asyncio.sleep(30)  # the client is still there, as a microphone would be

    request = TranscriptionInitWsRequest(
        provider_uid="local", model="moonshine-tiny", language="en", input_sample_rate=16000
    )
    transcriber = realtime.transcription
    await transcriber.connect()
    try:
        async for responses in transcriber.start_session(request, source()):
            newest = responses[-1] if isinstance(responses, list) else responses
            return newest.transcription
    finally:
        await transcriber.disconnect()


async def main():
    client = LivellmClient(base_url=base_url, timeout=30)
    seen = {"version": ".".join(map(str, version)), "http": await http(client), "audio": await audio(client)}
    async with client.realtime as realtime:
        seen["sessions"] = await sessions(realtime)
        seen["transcription"] = await asyncio.wait_for(transcription(client, realtime), 40)
    await client.cleanup()
    client.settings = []
    print(json.dumps(seen))


asyncio.run(main())
