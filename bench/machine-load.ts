import { readFileSync } from "node:fs";
import os from "node:os";
import type { PinnedProcess } from "./pinned-process.ts";

/** How busy the machine was while something was measured. */
export interface MachineLoad {
  /** Of the last minute, at the beginning and at the end. */
  readonly loadAverages: readonly [number, number];
  /** The share of all cores' time that other programs had, from 0 to 1. */
  readonly others: number;
}

/** Others that have more than this make rates and latencies say little. */
const quiet = 0.05;

/** Begins to watch; what it returns tells what was seen since. */
export function watchMachine(): () => MachineLoad {
  const [before, own, idle] = [os.loadavg()[0] ?? 0, ownTicks(), allTicks()];
  return () => {
    const now = allTicks();
    const all = now.all - idle.all;
    const others = Math.max(0, now.busy - idle.busy - (ownTicks() - own)) / all;
    return { loadAverages: [before, os.loadavg()[0] ?? 0], others };
  };
}

/** A warning for a reader, or undefined when the machine was the bench's own. */
export function busyWarning({ others }: MachineLoad): string | undefined {
  if (others <= quiet) return undefined;
  return `**The machine was busy**: other programs had ${Math.round(others * 100)} % of its cores' time during this run. Ratios of CPU time are indicative, rates and latencies less than that: run it again on an idle machine.`;
}

/** Of this process and of the children that it has seen end: fields 14 to 17 of proc_pid_stat(5). */
function ownTicks(): number {
  const fields = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ") ?? [];
  return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
}

/** The first line of proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal. */
function allTicks(): { readonly all: number; readonly busy: number } {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, each) => sum + each, 0);
  return { all, busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0) };
}

/** Begins to count the CPU of this process and of the vendor beside it; what it returns says how many cores they had since. */
export function watchLoad(beside: readonly PinnedProcess[]): () => number {
  const seconds = () => {
    const { user, system } = process.cpuUsage();
    return beside.reduce((sum, each) => sum + each.cpuSeconds(), (user + system) / 1e6);
  };
  const [begin, before] = [performance.now(), seconds()];
  return () => (seconds() - before) / ((performance.now() - begin) / 1000);
}
