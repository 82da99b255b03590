namespace DistributedSockets.Tests;

public sealed class DeflateAgreementTests
{
    [Theory]
    [InlineData("permessage-deflate; server_no_context_takeover", true)]
    [InlineData("permessage-deflate; client_max_window_bits=10; server_no_context_takeover", true)]
    [InlineData("permessage-deflate; server_no_context_takeover; server_max_window_bits=15", true)]
    [InlineData("permessage-deflate;server_no_context_takeover;server_max_window_bits=\"15\"", true)]
    [InlineData("Permessage-Deflate; Server_No_Context_Takeover", true)]
    [InlineData("other; x=1, permessage-deflate; server_no_context_takeover", true)]
    [InlineData("permessage-deflate; server_no_context_takeover; server_max_window_bits=10", false)]
    [InlineData("permessage-deflate; server_max_window_bits = 10; server_no_context_takeover", false)]
    [InlineData("permessage-deflate; server_no_context_takeover; server_max_window_bits", false)]
    [InlineData("permessage-deflate", false)]
    [InlineData("permessage-deflate; client_no_context_takeover", false)]
    [InlineData("other; server_no_context_takeover", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void Answer_Read_SaysWhetherSharedFramesAreTaken(string? answer, bool taken) => Assert.Equal(taken, DeflateAgreement.TakesSharedFrames(answer));
}
