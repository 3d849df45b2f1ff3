/** Whether Bochs is installed with all the parts that the machine needs, which Debian has in packages of their own. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { BIOS, BOCHS, DISPLAY, VGA_BIOS } from './bochs.ts';
import { findTool, installCommand } from './tool.ts';

/** Where Debian has firmware and plug-ins. Other builds find their own: nothing is said about those. */
const FIRMWARE_FOLDER = '/usr/share/bochs';
const LIBRARY_FOLDER = '/usr/lib';
const PLUGINS = 'bochs/plugins';

/** What is missing, as a line with the command that mends it; undefined if nothing is known to be. */
export function bochsObstacle(firmware = process.env.BXSHARE || FIRMWARE_FOLDER, libraries = LIBRARY_FOLDER) {
  if (!findTool(BOCHS)) return `${BOCHS} is not installed: ${installCommand(BOCHS)}`;
  const [file] = [BIOS, VGA_BIOS].filter((name) => existsSync(firmware) && !existsSync(join(firmware, name)));
  if (file) return `${join(firmware, file)} is missing: ${installCommand(BOCHS)}`;
  const plugins = pluginFolder(libraries);
  if (plugins && !existsSync(join(plugins, `libbx_${DISPLAY}_gui.so`))) {
    return `Bochs lacks its display "${DISPLAY}": ${installCommand(BOCHS)}`;
  }
  return undefined;
}

function pluginFolder(libraries: string): string | undefined {
  try {
    return ['.', ...readdirSync(libraries)].map((name) => join(libraries, name, PLUGINS)).find(existsSync);
  } catch {
    return undefined;
  }
}
