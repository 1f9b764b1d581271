/** Runs the approaches side by side in the lab, and reports the results. */
export { AgentStarter } from './agents/agent.js';
export type { Tools } from './approach.js';
export { compare } from './comparison.js';
export { OurProgram } from './our-program.js';
export { whyNoLab } from './requirements.js';
export * from './results.js';
export type { Progress } from './steps.js';
