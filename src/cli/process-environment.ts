/** The environment of the command line, as this process has it. */
import { homedir } from 'node:os';
import process from 'node:process';
import type { Environment, Output } from './environment.ts';

type Injected = Pick<Environment, 'clock' | 'embeddedUrl' | 'up' | 'agent' | 'version'>;

export function processEnvironment(injected: Injected): Environment {
  return {
    ...injected,
    stdout: outputOf(process.stdout),
    stderr: outputOf(process.stderr),
    variables: process.env,
    directory: process.cwd(),
    home: homedir(),
    platform: process.platform,
    onInterrupt(interrupted) {
      process.on('SIGINT', interrupted);
      return () => process.off('SIGINT', interrupted);
    },
  };
}

/** A stream of the process. A reader that went away (`reeve ps | head`) ends the process quietly, as other tools do. */
function outputOf(stream: NodeJS.WriteStream): Output {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
  return {
    write: text => void stream.write(text),
    get isTTY() {
      return stream.isTTY === true;
    },
    get columns() {
      return stream.columns;
    },
  };
}
