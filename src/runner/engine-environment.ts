/** The environment of an engine process: by allowlist, for what an agent inherited has broken engines before. */

/** What an engine gets of its agent's environment. */
const allowed = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'NODE_COMPILE_CACHE', 'REEVE_FAILPOINTS'];

/** The allowed part of `from`, and what the engine's adapter adds. The runner adds the run's token, over anything. */
export function engineEnvironment(
  added: Readonly<Record<string, string>> = {},
  from: Readonly<Record<string, string | undefined>> = process.env,
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of allowed) {
    const value = from[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...added };
}
