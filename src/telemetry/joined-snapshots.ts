import { ownAttribute } from "./attributes.ts";
import type { MetricSnapshot } from "./metric-snapshot.ts";

/**
 * The metrics of several processes as one page: each series says whose it is. Nothing is added up, because a process that is
 * replaced begins anew, which whoever reads the series can tell and a sum would hide.
 */
export function joinSnapshots(all: ReadonlyMap<string, readonly MetricSnapshot[]>): readonly MetricSnapshot[] {
  const joined = new Map<string, MetricSnapshot[]>();
  for (const [worker, snapshots] of all) {
    for (const snapshot of snapshots) {
      joined.set(snapshot.name, [...(joined.get(snapshot.name) ?? []), ofWorker(snapshot, worker)]);
    }
  }
  return [...joined.values()].flatMap(joinSame);
}

/** Of one metric; processes of different builds could disagree on what it is, and the first is believed. */
function joinSame([first, ...others]: readonly MetricSnapshot[]): readonly MetricSnapshot[] {
  if (!first) return [];
  const same = [first, ...others].filter(({ type }) => type === first.type);
  const points = same.flatMap((snapshot): readonly Point[] => snapshot.points);
  return [{ ...first, points } as MetricSnapshot];
}

type Point = MetricSnapshot["points"][number];

function ofWorker(snapshot: MetricSnapshot, worker: string): MetricSnapshot {
  const named = (point: Point) => ({ ...point, attributes: { ...point.attributes, [ownAttribute.worker]: worker } });
  return { ...snapshot, points: snapshot.points.map(named) } as MetricSnapshot;
}
