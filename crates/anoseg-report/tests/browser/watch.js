// Before the page's own script: keeps what it complains about.
const complaints = [];
addEventListener("error", (event) => complaints.push(String(event.message)));
addEventListener("unhandledrejection", (event) => complaints.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => complaints.push(`policy: ${event.blockedURI}`));
for (const level of ["error", "warn"]) console[level] = (...words) => complaints.push(words.join(" "));
