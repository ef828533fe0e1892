/** What modules and clients share: values and how they are written as bytes. */
export { ConnectionId } from './connection-id.ts';
export { Identity } from './identity.ts';
export { ScheduleAt } from './schedule-at.ts';
export { TimeDuration } from './time-duration.ts';
export { Timestamp } from './timestamp.ts';
export { Uuid } from './uuid.ts';
