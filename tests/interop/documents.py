"""The documents that third parties send, as legacy programs write them."""

from xml.sax.saxutils import escape

REQUEST = "http://api-v1.gen.mm.vodafone.com/mminterface/request"


def business_payment(house, conversation, amount="10.00", remark="November"):
    initiator = house.demo["initiator"]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<request xmlns="{REQUEST}">
  <Transaction>
    <CommandID>BusinessPayment</CommandID>
    <LanguageCode>0</LanguageCode>
    <OriginatorConversationID>{conversation}</OriginatorConversationID>
    <ConversationID></ConversationID>
    <Remark>{escape(remark)}</Remark>
    <Parameters><Parameter><Key>Amount</Key><Value>{amount}</Value></Parameter></Parameters>
    <ReferenceData>
      <ReferenceItem><Key>Occasion</Key><Value>{escape(remark)}</Value></ReferenceItem>
      <ReferenceItem><Key>QueueTimeoutURL</Key><Value>{house.demo["receiver"]["url"]}/timeout</Value></ReferenceItem>
    </ReferenceData>
    <Timestamp>2026-11-23T10:45:12.0000521Z</Timestamp>
  </Transaction>
  <Identity>
    <Caller>
      <CallerType>2</CallerType>
      <ThirdPartyID>broker_4</ThirdPartyID>
      <CheckSum>null</CheckSum>
      <ResultURL>{house.demo["receiver"]["url"]}/result</ResultURL>
    </Caller>
    <Initiator>
      <IdentifierType>11</IdentifierType>
      <Identifier>{initiator["name"]}</Identifier>
      <SecurityCredential>{house.credential()}</SecurityCredential>
      <ShortCode>{initiator["shortcode"]}</ShortCode>
    </Initiator>
    <PrimaryParty><IdentifierType>4</IdentifierType><Identifier>{initiator["shortcode"]}</Identifier></PrimaryParty>
    <ReceiverParty><IdentifierType>1</IdentifierType><Identifier>{house.demo["subscribers"][0]["msisdn"]}</Identifier></ReceiverParty>
  </Identity>
  <KeyOwner>1</KeyOwner>
</request>"""


def register_url(house):
    receiver = house.demo["receiver"]["url"]
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<request xmlns="{REQUEST}">
  <Transaction>
    <CommandID>RegisterURL</CommandID>
    <OriginatorConversationID>Reg-266-1126</OriginatorConversationID>
    <Parameters><Parameter><Key>ResponseType</Key><Value>Completed</Value></Parameter></Parameters>
    <ReferenceData>
      <ReferenceItem><Key>ValidationURL</Key><Value>{receiver}/validation</Value></ReferenceItem>
      <ReferenceItem><Key>ConfirmationURL</Key><Value>{receiver}/confirmation</Value></ReferenceItem>
    </ReferenceData>
  </Transaction>
  <Identity>
    <Caller><CallerType>0</CallerType><ThirdPartyID/><Password/><CheckSum/><ResultURL/></Caller>
    <Initiator><IdentifierType>1</IdentifierType><Identifier/><SecurityCredential/><ShortCode/></Initiator>
    <PrimaryParty><IdentifierType>1</IdentifierType><Identifier/><ShortCode>{house.demo["organizations"][0]["shortcode"]}</ShortCode></PrimaryParty>
  </Identity>
  <KeyOwner>1</KeyOwner>
</request>"""


def envelope(header, document, namespace="http://schemas.xmlsoap.org/soap/envelope/", encoding="UTF-8"):
    """An envelope written by hand, the document in a CDATA section."""
    return f"""<?xml version="1.0" encoding="{encoding}"?>
<soapenv:Envelope xmlns:soapenv="{namespace}" xmlns:req="{REQUEST}">
<soapenv:Header><tns:RequestSOAPHeader xmlns:tns="http://www.huawei.com/schema/osg/common/v2_1">
<tns:spId>{header["SP_ID"]}</tns:spId><tns:spPassword>{header["SP_PASSWORD"]}</tns:spPassword>
<tns:timeStamp>{header["TIME_STAMP"]}</tns:timeStamp><tns:serviceId>{header["SERVICE_ID"]}</tns:serviceId>
</tns:RequestSOAPHeader></soapenv:Header>
<soapenv:Body><req:RequestMsg><![CDATA[{document}]]></req:RequestMsg></soapenv:Body>
</soapenv:Envelope>"""
