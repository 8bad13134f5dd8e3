// Sends one message as a program would. Arguments: host, port, "tls" or "starttls", user,
// password, CA file, subject. Prints the server's last reply.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const [directory, host, port, mode, user, pass, ca, subject] = process.argv.slice(2);
const nodemailer = createRequire(`${directory}/`)("nodemailer");
const transport = nodemailer.createTransport({
  host,
  port: Number(port),
  secure: mode === "tls",
  requireTLS: true,
  auth: { user, pass },
  tls: { ca: readFileSync(ca) },
});
try {
  const sent = await transport.sendMail({
    from: "Shop <orders@shop.example>",
    to: "reader@far.example",
    bcc: "archive@far.example",
    subject,
    text: "Grüße\n.\nEnde",
    html: '<p>Grüße</p><a href="https://shop.example/?a=1&amp;b=2">Order</a>',
    attachments: [{ filename: "bill.txt", content: "1,00 €\n" }],
  });
  console.log(sent.response);
} catch (error) {
  console.log(error.response ?? String(error));
} finally {
  transport.close();
}
