/** The time in milliseconds since 1970. */
export type Clock = () => number;

/** Goes on evenly, whatever happens to the machine's clock. */
export const steadyClock: Clock = () => performance.timeOrigin + performance.now();
