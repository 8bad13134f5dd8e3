// Drives the API with HubSpot's own client. Arguments: modules' folder, base URL, API key, email
// id, recipient. Prints what each call answered as JSON.
import { createRequire } from "node:module";

const [directory, basePath, accessToken, emailId, to] = process.argv.slice(2);
const { Client } = createRequire(`${directory}/`)("@hubspot/api-client");
const client = new Client({ accessToken, basePath });
const { singleSendApi, publicSMTPTokensApi } = client.marketing.transactional;
const seen = {};

seen.sent = await singleSendApi.sendEmail({
  emailId: Number(emailId),
  message: { to, sendId: "node-1" },
  contactProperties: { firstname: "Nadia" },
  customProperties: {
    order_id: "N-1",
    total: "9.00 €",
    url: "https://shop.example/orders/N-1",
    items: [{ name: "Sieve", price: "9.00 €" }],
  },
});
for (let tries = 0; tries < 100; tries += 1) {
  const path = `/marketing/v3/email/send-statuses/${seen.sent.statusId}`;
  seen.status = await (await client.apiRequest({ path })).json();
  if (seen.status.status === "COMPLETE") break;
  await new Promise((resolve) => setTimeout(resolve, 100));
}
seen.token = await publicSMTPTokensApi.createToken({
  campaignName: "From node",
  createContact: false,
});
seen.reset = await publicSMTPTokensApi.resetPassword(seen.token.id);
seen.listed = (await publicSMTPTokensApi.getTokensPage("From node")).results.map(({ id }) => id);
await publicSMTPTokensApi.archiveToken(seen.token.id);
seen.after = await publicSMTPTokensApi.getTokenById(seen.token.id).catch(({ code }) => code);
const stranger = new Client({ accessToken: "wrong", basePath });
seen.stranger = await stranger.marketing.transactional.singleSendApi
  .sendEmail({ emailId: 1, message: { to } })
  .catch(({ code }) => code);
console.log(JSON.stringify(seen));
