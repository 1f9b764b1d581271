/** The hidden command that runs an agent. */
export const AGENT_COMMAND = 'lab-agent';

export const AGENT_NAMES = ['exchange', 'load', 'sealed-peers'] as const;
export type AgentName = (typeof AGENT_NAMES)[number];
