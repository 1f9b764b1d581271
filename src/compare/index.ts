/** Approaches side by side in the lab, and reports of it. */
export { AgentStarter } from './agents/agent.js';
export { compare } from './comparison.js';
export { OurProgram } from './our-program.js';
export { whyNoLab } from './requirements.js';
export * from './results.js';
export type { Progress } from './steps.js';
export type { Tools } from './tools.js';
