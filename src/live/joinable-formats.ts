import { type AudioFormat, isHeaderless } from "../core/audio-format.ts";

/**
 * Of the forms that a model makes, those in which several answers can follow each other as one: not what has one header for all
 * of it. Where there are none, all of them.
 */
export function joinableFormats(offered: readonly AudioFormat[]): readonly AudioFormat[] {
  const can = offered.filter(({ mimeType }) => isHeaderless(mimeType) || inPieces.includes(mimeType));
  return can.length > 0 ? can : offered;
}

const inPieces = ["audio/wav", "audio/mpeg", "audio/aac", "audio/ogg"];
