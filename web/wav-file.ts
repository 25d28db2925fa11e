/** A WAV file of 16-bit PCM with one channel. */
export function wavFile(pieces: readonly Uint8Array<ArrayBuffer>[], rate: number): Blob {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const head = new DataView(new ArrayBuffer(44));
  const words: readonly (readonly [number, string])[] = [
    [0, "RIFF"],
    [8, "WAVE"],
    [12, "fmt "],
    [36, "data"],
  ];
  for (const [at, word] of words) {
    for (let i = 0; i < word.length; i++) head.setUint8(at + i, word.charCodeAt(i));
  }
  head.setUint32(4, 36 + length, true);
  head.setUint32(16, 16, true); // the length of the format
  head.setUint16(20, 1, true); // PCM
  head.setUint16(22, 1, true); // channels
  head.setUint32(24, rate, true);
  head.setUint32(28, rate * 2, true); // bytes a second
  head.setUint16(32, 2, true); // bytes a sample
  head.setUint16(34, 16, true); // bits a sample
  head.setUint32(40, length, true);
  return new Blob([head, ...pieces], { type: "audio/wav" });
}
