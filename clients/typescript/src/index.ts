import createClient, { type Client, type ClientOptions } from "openapi-fetch";
import type { components, paths } from "./schema.js";

/** What the API takes and answers, by name: `Schemas["Product"]`, `Schemas["SearchAnswer"]`. */
export type Schemas = components["schemas"];

export interface LamplightOptions extends ClientOptions {
  /** Where Lamplight is served, such as https://search.shop.example */
  baseUrl: string;
  /** A key of the shop's staff: a publishable one in a page, a secret one on a server. */
  key?: string;
  /** Of `manage.py drf_create_token`, instead of a key. */
  token?: string;
}

/** A client with a method for each HTTP verb: `client.GET("/api/v1/products/{sku}/", { params: { path: { sku } } })`. */
export function createLamplight({ key, token, ...options }: LamplightOptions): Client<paths> {
  const client = createClient<paths>({ bodySerializer: serialize, ...options });
  if (key || token) {
    client.use({
      onRequest({ request }) {
        request.headers.set("Authorization", key ? `Bearer ${key}` : `Token ${token}`);
      },
    });
  }
  return client;
}

/** JSON, or a form where the body has a file. */
function serialize(body: unknown): string | FormData {
  return hasFile(body) ? form(body) : JSON.stringify(body);
}

function hasFile(body: unknown): body is Record<string, unknown> {
  return typeof body === "object" && body !== null && Object.values(body).flat().some((value) => value instanceof Blob);
}

/** Lists become fields of one name; what is undefined or null is left out. */
function form(body: Record<string, unknown>): FormData {
  const data = new FormData();
  for (const [name, values] of Object.entries(body)) {
    for (const value of [values].flat()) {
      if (value instanceof Blob) data.append(name, value);
      else if (value !== undefined && value !== null) data.append(name, String(value));
    }
  }
  return data;
}
