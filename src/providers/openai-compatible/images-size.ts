import type { ImageConfig } from "../../core/images.ts";
import { unsupported } from "./unsupported.ts";

/** The sizes that a model makes. */
export interface SizeRules {
  /** In pixels, as `1536x1024`. */
  readonly listed: readonly string[];
  /** Any other size within these bounds. */
  readonly free?: FreeSizes;
  /** Whether there may be others, which are not known here. */
  readonly others?: boolean;
}

interface FreeSizes {
  /** What both edges are a multiple of. */
  readonly multiple: number;
  readonly longestEdge: number;
  readonly mostPixels: number;
  /** Of the longer edge to the shorter. */
  readonly longestRatio: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** `1536x1024`, or a proportion as `3:2`; undefined for anything else. */
export function readSize(size: string): (Size & { readonly isProportion: boolean }) | undefined {
  const [, width, sign, height] = /^(\d+)([x:])(\d+)$/.exec(size) ?? [];
  return sign === undefined ? undefined : { width: Number(width), height: Number(height), isProportion: sign === ":" };
}

/** In the lowest terms: `3:2` for 1536x1024. */
export function proportionOf({ width, height }: Size): string {
  const divisor = commonDivisor(width, height);
  return `${width / divisor}:${height / divisor}`;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}

/**
 * The size in pixels for a model, undefined when it is the model's to choose. Of a proportion it is one that has it exactly.
 * Throws `unsupported`, saying what the model takes, for a size that it does not make.
 */
export function toPixels({ size }: ImageConfig, model: string, rules: SizeRules | undefined): string | undefined {
  const wanted = readSize(size);
  if (!wanted) return undefined;
  const pixels = wanted.isProportion ? ofProportion(wanted, rules) : takenSize(wanted, rules);
  if (pixels) return pixels;
  throw unsupported("config.size", `${model} does not make ${size}: it takes ${inWords(rules)}`);
}

function takenSize(size: Size, rules: SizeRules | undefined): string | undefined {
  const pixels = write(size);
  const isTaken = !rules || rules.others || rules.listed.includes(pixels) || (rules.free && fits(size, rules.free));
  return isTaken ? pixels : undefined;
}

function fits({ width, height }: Size, bounds: FreeSizes): boolean {
  const longer = Math.max(width, height);
  return (
    width % bounds.multiple === 0 &&
    height % bounds.multiple === 0 &&
    longer <= bounds.longestEdge &&
    width * height <= bounds.mostPixels &&
    longer <= Math.min(width, height) * bounds.longestRatio
  );
}

function ofProportion(proportion: Size, rules: SizeRules | undefined): string | undefined {
  const wanted = proportionOf(proportion);
  const listed = rules?.listed.find((size) => proportionOf(readSize(size) ?? { width: 1, height: 0 }) === wanted);
  return listed ?? (rules?.free && largest(proportion, rules.free));
}

/** As many pixels as the larger standard sizes have. */
const usualPixels = 1536 * 1024;

/** The largest size of a proportion that has no more pixels than is usual: 1536x864 for 16:9. */
function largest(proportion: Size, bounds: FreeSizes): string | undefined {
  const divisor = commonDivisor(proportion.width, proportion.height);
  const unit = {
    width: (proportion.width / divisor) * bounds.multiple,
    height: (proportion.height / divisor) * bounds.multiple,
  };
  const times = Math.floor(Math.sqrt(usualPixels / (unit.width * unit.height)));
  const size = { width: unit.width * times, height: unit.height * times };
  return times > 0 && fits(size, bounds) ? write(size) : undefined;
}

function write({ width, height }: Size): string {
  return `${width}x${height}`;
}

function inWords(rules: SizeRules | undefined): string {
  if (!rules) return "sizes in pixels, such as 1024x1024";
  const listed = rules.listed.join(", ");
  if (!rules.free) return rules.others ? `${listed}, and other sizes in pixels` : listed;
  const { multiple, longestEdge, longestRatio } = rules.free;
  return `${listed}, and others whose edges are multiples of ${multiple}, at most ${longestEdge}, and at most ${longestRatio}:1`;
}
