// A network that computes as the library does: for the page and for a worker. It knows of no document.
{{engine/arrays.js}}
{{engine/lines.js}}
{{engine/chance.js}}
{{engine/network.js}}
