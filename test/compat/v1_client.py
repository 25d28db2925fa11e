"""The calls of the older proxy's documents, with `requests`. Prints what came back as JSON."""

import io
import json
import sys
import wave

import requests

base_url, vendor_url = sys.argv[1:3]
headers = {"X-Api-Key": "sk-1", "X-Provider": "openai", "X-Base-Url": vendor_url}
body = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [], "gen_config": {"temperature": 0.5}}

ping = requests.get(f"{base_url}/ping", timeout=10)
run = requests.post(f"{base_url}/agent/run", headers=headers, json=body, timeout=10)

with requests.post(f"{base_url}/agent/run_stream", headers=headers, json=body, stream=True, timeout=10) as stream:
    stream.raise_for_status()
    lines = [json.loads(line) for line in stream.iter_lines() if line]

speech = requests.post(
    f"{base_url}/audio/speak",
    headers=headers,
    json={"model": "tts", "text": "Hello", "voice": "alloy", "output_format": "pcm"},
    timeout=10,
)
speech.raise_for_status()

recording = io.BytesIO()
with wave.open(recording, "wb") as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes(bytes(3200))

transcript = requests.post(
    f"{base_url}/audio/transcribe",
    headers=headers,
    files={"file": ("speech.wav", recording.getvalue(), "audio/wav")},
    data={"model": "whisper-1", "language": "en", "gen_config": json.dumps({"temperature": 0})},
    timeout=10,
)

print(
    json.dumps(
        {
            "ping": ping.json(),
            "run": run.json(),
            "lines": lines,
            "speech": [len(speech.content), speech.headers["Content-Type"], speech.headers["X-Sample-Rate"]],
            "transcript": transcript.json(),
        }
    )
)
