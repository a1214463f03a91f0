// A third party in Node: the `soap` package, made from the WSDL that the node serves. What it sends
// comes from the environment and from standard input (see ../../README.md); it prints the text of
// ResponseMsg, or the fault.
"use strict";

const fs = require("node:fs");
const https = require("node:https");
const soap = require("soap");

function environment(name) {
  const value = process.env[`INTEROP_${name}`];
  if (value === undefined) throw new Error(`INTEROP_${name} is not set`);
  return value;
}

async function main() {
  const [key, cert, ca] = ["KEY", "CERTIFICATE", "CA"].map(environment);
  const httpsAgent = new https.Agent({ key: fs.readFileSync(key), cert: fs.readFileSync(cert), ca: fs.readFileSync(ca) });
  const client = await soap.createClientAsync(environment("WSDL"), { wsdl_options: { httpsAgent } });
  client.setSecurity(new soap.ClientSSLSecurity(key, cert, ca));
  const header = {
    spId: environment("SP_ID"),
    spPassword: environment("SP_PASSWORD"),
    serviceId: environment("SERVICE_ID"),
    timeStamp: environment("TIME_STAMP"),
  };
  client.addSoapHeader({ RequestSOAPHeader: header }, "", "head", "http://www.huawei.com.cn/schema/common/v2_1");
  const [answer] = await client.GenericAPIRequestAsync(fs.readFileSync(0, "utf8"));
  // The package reads a document inside an element's text on its own, so its fields are put together again.
  const text = (value) => value.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  const fields = Object.entries(answer.response).map(([name, value]) => `<${name}>${text(value)}</${name}>`);
  process.stdout.write(`<response xmlns="http://api-v1.gen.mm.vodafone.com/mminterface/response">${fields.join("")}</response>`);
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
