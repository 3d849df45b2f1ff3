/** The machine that a bench ran on, and how busy others kept it. */
import { cpus, loadavg } from 'node:os';

export class Machine {
  private readonly compiler: string;
  private readonly loadBefore = loadavg()[0]!;

  constructor(compiler: string) {
    this.compiler = compiler;
  }

  json(): Record<string, unknown> {
    const [cpu] = cpus();
    return {
      cpu: cpu?.model,
      cores: cpus().length,
      node: process.version,
      v8: process.versions.v8,
      compiler: this.compiler,
      loadBefore: this.loadBefore,
    };
  }

  text(): string {
    const { cpu, cores, node, compiler, loadBefore } = this.json();
    const load = (loadBefore as number).toFixed(1);
    return `${cpu}, ${cores} cores (load ${load} before the bench began), Node ${node}, ${compiler}.`;
  }
}
