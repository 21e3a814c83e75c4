// A page that uses the AJ front end as its README says: a button, a captcha,
// and what it gives for the second check.
import React, { useRef } from "react";
import { createRoot } from "react-dom/client";
import { Captcha } from "aj-captcha-react";

function Page() {
  const captcha = useRef();
  return React.createElement(Captcha, { ref: captcha, path: "", type: "slide",
    onSuccess: (data) => { window.verified = data.captchaVerification; },
    onFail: (message) => { window.failed = message; } },
  React.createElement("button", { id: "open", onClick: () => captcha.current.verify() }, "验证"));
}

createRoot(document.getElementById("page")).render(React.createElement(Page));
