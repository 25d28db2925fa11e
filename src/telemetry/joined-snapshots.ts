import { ownAttribute } from "./attributes.ts";
import type { MetricSnapshot } from "./metric-snapshot.ts";

/**
 * The metrics of several processes as one list, in the order of the first. Each series says whose it is; nothing is added
 * up, since that is for whoever reads them to do.
 */
export function joinSnapshots(
  processes: Iterable<readonly [worker: string, metrics: readonly MetricSnapshot[]]>,
): readonly MetricSnapshot[] {
  const joined = new Map<string, MetricSnapshot>();
  for (const [worker, metrics] of processes) {
    for (const metric of metrics) joined.set(metric.name, append(joined.get(metric.name), labelled(metric, worker)));
  }
  return [...joined.values()];
}

function labelled(metric: MetricSnapshot, worker: string): MetricSnapshot {
  const label = <Point extends MetricSnapshot["points"][number]>(point: Point): Point => ({
    ...point,
    attributes: { ...point.attributes, [ownAttribute.worker]: worker },
  });
  if (metric.type === "histogram") return { ...metric, points: metric.points.map(label) };
  return { ...metric, points: metric.points.map(label) };
}

/** The same metric of two processes of one program: of one type, with the same boundaries. */
function append(first: MetricSnapshot | undefined, next: MetricSnapshot): MetricSnapshot {
  if (first === undefined) return next;
  if (first.type === "histogram" && next.type === "histogram") {
    return { ...first, points: [...first.points, ...next.points] };
  }
  if (first.type === "histogram" || next.type === "histogram") return first;
  return { ...first, points: [...first.points, ...next.points] };
}
