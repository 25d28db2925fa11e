import { plainMediaType } from "../audio/media-type.ts";
import { type AudioFormat, isHeaderless } from "../core/audio-format.ts";
import { LivellmError } from "../core/error.ts";

/**
 * Throws `failed_precondition` where a long text is wanted in a form that the model makes, and that cannot be put together from
 * several answers.
 */
export function refuseUnjoinable(wanted: AudioFormat | undefined, offered: readonly AudioFormat[]): void {
  const mimeType = plainMediaType(wanted?.mimeType ?? "");
  const made = (formats: readonly AudioFormat[]) => formats.some((format) => format.mimeType === mimeType);
  if (!made(offered) || made(joinableFormats(offered))) return;
  const others = inPieces.filter((form) => offered.some((format) => format.mimeType === form));
  const description = `a text that is longer than the model takes is spoken in pieces, which ${mimeType} cannot be put together from; ask for ${others.join(", ") || "audio/pcm"}`;
  const violations = [{ field: "config.format", description, reason: "UNSUPPORTED" as const }];
  throw new LivellmError("failed_precondition", "unsupported", `config.format: ${description}`, { violations });
}

/**
 * Of the forms that a model makes, those in which several answers can follow each other as one: not what has one header for all
 * of it. Where there are none, all of them.
 */
export function joinableFormats(offered: readonly AudioFormat[]): readonly AudioFormat[] {
  const can = offered.filter(({ mimeType }) => isHeaderless(mimeType) || inPieces.includes(mimeType));
  return can.length > 0 ? can : offered;
}

const inPieces = ["audio/wav", "audio/mpeg", "audio/aac", "audio/ogg"];
