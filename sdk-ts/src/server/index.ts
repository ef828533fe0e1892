export { ScheduleAt } from '../shared/index.ts';
