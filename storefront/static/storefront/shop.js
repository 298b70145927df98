// The shop that this page is of: its API, asked with the page's key where it has one, and its sample photos.

import { Api } from "./api.js";
import { Failure } from "./failures.js";

const { key = "", index } = document.body.dataset;

export const api = new Api({ key });

/** Whether the page may ask how much is indexed: not where the API answers nobody without a key. */
export const mayAskIndex = index !== "closed";

/** A sample photo, as a File. */
export async function sample(name, signal) {
  let response;
  try {
    response = await fetch(`/samples/${encodeURIComponent(name)}`, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
  }
  if (!response?.ok) throw new Failure("That sample photo cannot be loaded. Choose another, or a photo of your own.");
  const blob = await response.blob();
  return new File([blob], name, { type: blob.type });
}
