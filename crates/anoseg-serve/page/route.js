// The address's hash: #VIEW?PARAMETERS.

/** The name of the view that the hash asks for. */
export const viewOf = () => location.hash.slice(1).split("?", 1)[0];

export const parametersOf = () => new URLSearchParams(location.hash.split("?")[1] ?? "");

/** Asks for a view in place of the one before, without a further step to go back. */
export function replaceRoute(view, parameters) {
  const text = parameters.toString();
  location.replace(`#${view}${text ? `?${text}` : ""}`);
}
