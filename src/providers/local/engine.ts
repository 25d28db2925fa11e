import { access } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import type { VoiceActivity } from "../../audio/vad.ts";
import { LivellmError } from "../../core/error.ts";
import type { FliteAnswer, FliteRequest } from "./flite-worker.ts";
import type { MoonshineAnswer, MoonshineRequest, MoonshineSetup } from "./moonshine-worker.ts";
import { createSilero } from "./silero.ts";
import type { SileroAnswer, SileroRequest, SileroSetup } from "./silero-worker.ts";
import { WorkerPool } from "./worker-pool.ts";

/** What speaks and listens in this process. Nothing is loaded before it is used, and what rests is let go of. */
export interface LocalEngine {
  readonly flite: WorkerPool<FliteRequest, FliteAnswer>;
  readonly moonshine: WorkerPool<MoonshineRequest, MoonshineAnswer>;
  /** Whether the models are there. */
  installed(): Promise<boolean>;
  /** Throws `failed_precondition`, saying what to run, when they are not. */
  requireInstalled(): Promise<void>;
  /** Silero's detector for one stream; where the models are not installed it fails. */
  voiceActivity(): VoiceActivity;
  close(): Promise<void>;
}

/** `folder` is where `npm run setup:local` put the models and the ONNX runtime; it need not be there. */
export function createLocalEngine(folder: string): LocalEngine {
  const engineFolder = path.resolve(folder);
  const setup: MoonshineSetup & SileroSetup = { engineFolder };
  // One core is left to the event loop.
  const size = Math.max(1, Math.min(4, availableParallelism() - 1));
  const flite = new WorkerPool<FliteRequest, FliteAnswer>({
    file: "flite-worker",
    size: Math.min(2, size),
    setup: undefined,
    purpose: "speech by flite",
  });
  const moonshine = new WorkerPool<MoonshineRequest, MoonshineAnswer>({
    file: "moonshine-worker",
    size,
    setup,
    purpose: "transcription by Moonshine",
  });
  const silero = new WorkerPool<SileroRequest, SileroAnswer>({
    file: "silero-worker",
    size: 1,
    setup,
    purpose: "voice activity detection by Silero",
  });
  const installed = () => exists(path.join(engineFolder, "installed.json"));
  return {
    flite,
    moonshine,
    installed,
    async requireInstalled() {
      if (!(await installed())) throw notInstalled();
    },
    voiceActivity: () => createSilero(silero),
    async close() {
      await Promise.all([flite.close(), moonshine.close(), silero.close()]);
    },
  };
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

function notInstalled(): LivellmError {
  return new LivellmError(
    "failed_precondition",
    "unsupported",
    "the local engine's transcription models are not installed: run `npm run setup:local` or `livellm setup-local`, or set LIVELLM_LOCAL_ENGINE to where they are",
  );
}
