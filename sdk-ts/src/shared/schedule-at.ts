import { TimeDuration } from './time-duration.ts';
import { Timestamp } from './timestamp.ts';

/** When a row of a schedule table is due: once at a time, or again and again at an interval. */
export type ScheduleAt = { tag: 'Interval'; value: TimeDuration } | { tag: 'Time'; value: Timestamp };

/** Makes the values of columns of type `t.scheduleAt()`. */
export const ScheduleAt = {
  /** Again and again. @param micros the pause between two runs in microseconds, or as a duration */
  interval(micros: bigint | TimeDuration): ScheduleAt {
    return { tag: 'Interval', value: typeof micros === 'bigint' ? new TimeDuration(micros) : micros };
  },

  /** Once. @param micros the time in microseconds since the Unix epoch, or as a timestamp */
  time(micros: bigint | Timestamp): ScheduleAt {
    return { tag: 'Time', value: typeof micros === 'bigint' ? new Timestamp(micros) : micros };
  },
};
