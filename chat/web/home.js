// The examples name the address that this page was loaded from.
for (const element of document.querySelectorAll(".address")) element.textContent = location.origin;
