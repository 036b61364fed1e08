/** Where a server listens: `HOST:PORT`, or `[ADDRESS]:PORT` of IPv6. */
import { z } from 'zod';

export interface ListenAddress {
  host: string;
  /** 0 takes a free one. */
  port: number;
}

/** Undefined for a text that is none. */
export function listenAddressOf(text: string): ListenAddress | undefined {
  const [, address, name, digits] = /^(?:\[([\da-f:.]+)\]|([^\s:[\]/@]+)):(\d{1,5})$/i.exec(text) ?? [];
  const [host, port] = [address ?? name, Number(digits)];
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}

export const notAnAddress = 'is not HOST:PORT, such as 127.0.0.1:7480';

export const listenText = z.string().refine(text => listenAddressOf(text) !== undefined, notAnAddress);
