// A third party in C++: gSOAP stubs, generated from the WSDL that the node serves. What it sends comes
// from the environment and from standard input (see ../README.md); it prints the text of ResponseMsg, or
// the fault.

#include <cstdlib>
#include <iostream>
#include <iterator>
#include <string>

#include "soapRequestBindingProxy.h"
#include "RequestBinding.nsmap"

static std::string environment(const char *name)
{
    const std::string whole = std::string("INTEROP_") + name;
    const char *value = std::getenv(whole.c_str());
    if (value == nullptr) {
        std::cerr << whole << " is not set\n";
        std::exit(1);
    }
    return value;
}

int main()
{
    const std::string endpoint = environment("ENDPOINT"), ca = environment("CA"), both = environment("BOTH");
    std::string spId = environment("SP_ID"), spPassword = environment("SP_PASSWORD"),
                serviceId = environment("SERVICE_ID"), timeStamp = environment("TIME_STAMP");
    soap_ssl_init();
    RequestBindingProxy proxy(endpoint.c_str());
    // Else gSOAP would take the bytes of a string for ISO-8859-1.
    soap_set_mode(proxy.soap, SOAP_C_UTFSTRING);
    if (soap_ssl_client_context(proxy.soap, SOAP_SSL_DEFAULT, both.c_str(), nullptr, ca.c_str(), nullptr, nullptr)) {
        proxy.soap_stream_fault(std::cerr);
        return 1;
    }
    head__RequestSOAPHeader header;
    header.soap_default(proxy.soap);
    header.spId = spId;
    header.spPassword = &spPassword;
    header.serviceId = &serviceId;
    header.timeStamp = &timeStamp;
    proxy.soap_header(&header);

    const std::string document((std::istreambuf_iterator<char>(std::cin)), std::istreambuf_iterator<char>());
    std::string answer;
    if (proxy.GenericAPIRequest(document, answer) != SOAP_OK) {
        proxy.soap_stream_fault(std::cerr);
        return proxy.soap_fault_string() != nullptr ? 3 : 1;
    }
    std::cout << answer;
    return 0;
}
